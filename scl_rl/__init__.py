"""scl-rl: teach a language model to assign ICD codes and to cite the words that justify each one."""

__version__ = "0.1.0"
