"""What people read of a run: the terminal table and the offline HTML report."""
