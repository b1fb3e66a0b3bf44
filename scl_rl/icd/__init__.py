"""ICD-10-CM: which codes there are, where they stand in the tree, how they are worded."""
