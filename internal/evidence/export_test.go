package evidence

// Harmless is harmless.
var Harmless = harmless
