"""`python -m src.doctor`: what is wrong with a deployment's settings, and the mend."""

import sys

from src.doctor.examination import main

if __name__ == "__main__":
    sys.exit(main())
