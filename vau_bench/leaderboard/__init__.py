"""The leaderboard: measured entries, published figures, and the rules by which they are ranked."""
