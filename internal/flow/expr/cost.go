package expr

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
)

// maxCost bounds an expression, in CEL's units of cost: a few milliseconds at
// the very worst. The bound holds before evaluation, from the longest texts
// and lists that attributes may have, and again while evaluating.
const maxCost = 1_000_000

// bound refuses an expression that could cost too much.
func (e *Env) bound(checked *cel.Ast) *Error {
	estimate, err := e.cel.EstimateCost(checked, sizes{})
	if err == nil && estimate.Max <= maxCost {
		return nil
	}
	return &Error{
		Line: 1, Message: errTooDear.Error(),
		Hint: "avoid loops within loops, and building long texts from others",
	}
}

// sizes tells the estimator how long what an expression reads can be.
type sizes struct{}

func (sizes) EstimateSize(node cost.AstNode) *cost.SizeEstimate {
	if node.ComputedSize() != nil {
		return nil
	}
	path := node.Path()
	if len(path) == 0 && !isConversion(node) {
		return nil
	}
	switch kind := node.Type().Kind(); {
	case kind == types.StringKind && len(path) > 0 && path[len(path)-1] != "@items":
		return &cost.SizeEstimate{Max: maxText}
	case kind == types.StringKind || kind == types.ListKind:
		return &cost.SizeEstimate{Max: maxItems}
	}
	return nil
}

// isConversion says whether the node is string(x), whose result is short
// unless x is a text, whose size is known.
func isConversion(node cost.AstNode) bool {
	e := node.Expr()
	return e != nil && e.Kind() == callKind && e.AsCall().FunctionName() == "string"
}
