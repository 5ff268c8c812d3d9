"""The nano reference model: the whole recipe on two CPU cores, in three quarters of an hour."""
