"""The showcase applications of AuroraView."""
