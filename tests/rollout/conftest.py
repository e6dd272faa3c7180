"""Two threads on tensors this small wait for each other more than they work, and the suite runs two processes at once.
The models and the server that several of these tests share lie beside them."""

import sys
from pathlib import Path

import torch

torch.set_num_threads(1)
sys.path.append(str(Path(__file__).parent))
