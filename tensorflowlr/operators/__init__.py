"""Operators on tree tensors, compiled from sums of products."""

from tensorflowlr.operators.tree_operator import TreeOperator as TreeOperator
