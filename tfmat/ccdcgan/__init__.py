"""Crystal structures: voxels, autoencoders, crystal graph, GAN, constraint, generation.

Read the modules in the order of the data: ``spec`` and ``cell`` (canonical cells), ``sites`` and
``lattice`` (voxels), ``peaks`` and ``decode`` (voxels back to structures), ``graph`` (crystal
graphs), ``autoencoders``, ``gan`` and ``constraint`` (networks), ``generate``.
"""
