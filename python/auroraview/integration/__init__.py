"""Views inside GUI toolkits."""
