package notify

// Public says whether an address can be a stranger's service.
var Public = public
