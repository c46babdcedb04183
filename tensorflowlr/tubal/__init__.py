"""Tubal tensors: the t-product algebra, low-rank tubal tensors and their dynamics."""

from tensorflowlr.tubal.algebra import t_eigh as t_eigh
from tensorflowlr.tubal.algebra import t_exp as t_exp
from tensorflowlr.tubal.algebra import t_function as t_function
from tensorflowlr.tubal.algebra import t_identity as t_identity
from tensorflowlr.tubal.algebra import t_inverse as t_inverse
from tensorflowlr.tubal.algebra import t_pinv as t_pinv
from tensorflowlr.tubal.algebra import t_product as t_product
from tensorflowlr.tubal.algebra import t_qr as t_qr
from tensorflowlr.tubal.algebra import t_sqrt as t_sqrt
from tensorflowlr.tubal.algebra import t_transpose as t_transpose
from tensorflowlr.tubal.channel import Channel as Channel
from tensorflowlr.tubal.channel import channel as channel
from tensorflowlr.tubal.fields import TubalField as TubalField
from tensorflowlr.tubal.invariants import multirank as multirank
from tensorflowlr.tubal.invariants import principal_angles as principal_angles
from tensorflowlr.tubal.invariants import t_norm as t_norm
from tensorflowlr.tubal.invariants import tubal_rank as tubal_rank
from tensorflowlr.tubal.low_rank import TubalSVD as TubalSVD
from tensorflowlr.tubal.ranks import CommonRank as CommonRank
from tensorflowlr.tubal.recovery import t_completion as t_completion
from tensorflowlr.tubal.recovery import t_robust_pca as t_robust_pca
from tensorflowlr.tubal.svd import t_svd as t_svd
from tensorflowlr.tubal.tensor import TubalTensor as TubalTensor
