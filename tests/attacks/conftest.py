import sys
from pathlib import Path

# The recipes stand beside the tests, and run as a script, too.
sys.path.insert(0, str(Path(__file__).parent))
