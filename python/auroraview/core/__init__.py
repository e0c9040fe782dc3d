"""Application and views, without any GUI toolkit."""
