"""What a command has made, on one page that opens anywhere: reading folders, charts, the page."""
