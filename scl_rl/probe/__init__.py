"""The bench on which a reward is tried: attacks, simulated groups, scores of given completions."""
