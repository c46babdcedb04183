"""What one asks of a tree tensor, as functions; `tensorflowlr.observers` has them for runs."""

from tensorflowlr.operators.correlations import correlations as correlations
from tensorflowlr.operators.correlations import local_expectations as local_expectations
from tensorflowlr.tensors.densities import amplitude as amplitude
from tensorflowlr.tensors.densities import marginal as marginal
from tensorflowlr.tensors.densities import reduced_density as reduced_density
from tensorflowlr.tensors.entanglement import entropies as entropies
from tensorflowlr.tensors.entanglement import singular_values as singular_values
from tensorflowlr.tensors.moments import contract_modes as contract_modes
from tensorflowlr.tensors.moments import mean as mean
from tensorflowlr.tensors.moments import variance as variance
