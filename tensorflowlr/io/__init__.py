"""Files: tensors, operators and settings in HDF5, written whole or not at all; arrays of numbers.

Nothing in a file is ever run.
"""

from tensorflowlr.io.files import remove_leftovers as remove_leftovers
from tensorflowlr.io.files import replacing as replacing
from tensorflowlr.io.objects import NotStorable as NotStorable
from tensorflowlr.io.objects import read_object as read_object
from tensorflowlr.io.objects import storable as storable
from tensorflowlr.io.objects import write_object as write_object
from tensorflowlr.io.readers import read_array as read_array
from tensorflowlr.io.readers import read_numbers as read_numbers
from tensorflowlr.io.sealed import DAMAGE as DAMAGE
from tensorflowlr.io.sealed import reading as reading
from tensorflowlr.io.sealed import writing as writing
from tensorflowlr.io.tensors import read_tensor as read_tensor
from tensorflowlr.io.tensors import write_tensor as write_tensor
