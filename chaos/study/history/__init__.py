"""A team's own history: incidents as a paging service exports them, and the people that they show."""
