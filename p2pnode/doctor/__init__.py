"""Is the node well? What is looked at (`looking`), and what it means and what to do (`checks`)."""
