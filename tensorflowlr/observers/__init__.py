"""What a run looks at: settings that are called with time and state, and that files can hold.

Each returns a float, a complex number or a NumPy array of one shape, whatever library the
state lives on. A run whose observers are all of this kind can be resumed from its checkpoint
alone. The functions behind them are in `tensorflowlr.measures`.

Examples
--------
>>> import tensorflowlr as tlr
>>> problem = tlr.problems.nearest_neighbour_ising(4)
>>> look = {"spins": tlr.observers.LocalExpectations([1.0, -1.0]),
...         "entropy": tlr.observers.Entropies()}
>>> sol = tlr.integrate(problem.field, problem.start, (0.0, 0.2), step=0.1, observe=look,
...                     method=tlr.AugmentedBUG(tlr.Truncation(atol=1e-6)))
>>> sol.observables["spins"].shape, sol.observables["entropy"].shape
((3, 4), (3, 6))
"""

from tensorflowlr.observers.entanglement import Correlations as Correlations
from tensorflowlr.observers.entanglement import Entropies as Entropies
from tensorflowlr.observers.entanglement import LocalExpectations as LocalExpectations
from tensorflowlr.observers.entanglement import Marginal as Marginal
from tensorflowlr.observers.entanglement import ReducedDensity as ReducedDensity
from tensorflowlr.observers.entanglement import SingularValues as SingularValues
from tensorflowlr.observers.settings import Observer as Observer
from tensorflowlr.observers.state import Contraction as Contraction
from tensorflowlr.observers.state import Entries as Entries
from tensorflowlr.observers.state import Expectation as Expectation
from tensorflowlr.observers.state import Mean as Mean
from tensorflowlr.observers.state import Norm as Norm
from tensorflowlr.observers.state import Variance as Variance
