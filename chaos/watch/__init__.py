"""`standby watch`: one local page that follows a run as it happens, drawn by the code that draws the report."""
