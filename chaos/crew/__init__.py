"""Who answers: people, runbooks, alerts in, repairs out; one transition function, live and compiled."""
