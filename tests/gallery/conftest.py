import os
import sys

# The gallery is run from the source tree; it is no part of the installed package.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
