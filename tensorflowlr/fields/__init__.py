"""What the right-hand side of a differential equation may be."""

from tensorflowlr.fields.factored import DenseField as DenseField
from tensorflowlr.fields.factored import FactoredField as FactoredField
from tensorflowlr.fields.linear import LinearField as LinearField
