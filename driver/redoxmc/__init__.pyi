"""Types of the public names, which are imported when they are asked for."""

from redoxmc.api import Sampler as Sampler
from redoxmc.api import calculator as calculator
from redoxmc.api import enumerate_states as enumerate_states
from redoxmc.api import load as load
from redoxmc.api import load_config as load_config
from redoxmc.api import run as run

__version__: str
