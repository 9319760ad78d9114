package remote

// Unpack is unpack.
var Unpack = unpack
