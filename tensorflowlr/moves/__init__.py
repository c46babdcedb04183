"""The five moves every integrator is an arrangement of.

frame
    `frame.build_frame`: orthonormal surroundings and the centre of every node.
flow
    `flows`: one node's small differential equation over a step.
augment
    `augment.augment`: [old basis, new directions], orthonormal, the old part untouched.
assemble
    `assemble.assemble`: evolved centres put together in the augmented bases.
truncate
    `tensors.rounding.truncate`: the one rank policy, shared with rounding.

`enrich` arranges the same moves into the wider frames of the second-order methods.
"""
