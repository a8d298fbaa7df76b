// The umbrella: `import Heed` imports every module of the library.

@_exported import HeedAutograd
@_exported import HeedData
@_exported import HeedFiles
@_exported import HeedJSON
@_exported import HeedModels
@_exported import HeedNN
@_exported import HeedRecipes
@_exported import HeedTensor
@_exported import HeedText
@_exported import HeedTrain
