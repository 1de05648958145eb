"""What our user is told where he is not looking: on the desktop, by ntfy, by e-mail."""
