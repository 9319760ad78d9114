package expr

import (
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// The functions beside CEL's own. CEL's extension for texts has more, but its
// replace, nested, builds a text of any size for a small estimated cost: these
// refuse to make a text longer than maxText.
var functions = []cel.EnvOption{
	cel.Function("date", cel.Overload("date_string", []*cel.Type{cel.StringType}, cel.TimestampType,
		cel.UnaryBinding(func(v ref.Val) ref.Val {
			t, err := timestamp("2006-01-02", textOf(v))
			if err != nil || textOf(v) == "" {
				return types.NewErr("date(...) wants a date such as 2026-03-02")
			}
			return t
		}))),
	member("lowerAscii", nil, cel.StringType, func(s string, _ []ref.Val) ref.Val { return types.String(applied["lowerAscii"](s)) }),
	member("upperAscii", nil, cel.StringType, func(s string, _ []ref.Val) ref.Val { return types.String(applied["upperAscii"](s)) }),
	member("trim", nil, cel.StringType, func(s string, _ []ref.Val) ref.Val { return types.String(applied["trim"](s)) }),
	member("replace", []*cel.Type{cel.StringType, cel.StringType}, cel.StringType, func(s string, args []ref.Val) ref.Val {
		from, to := textOf(args[0]), textOf(args[1])
		if strings.Count(s, from)*len(to)+len(s) > maxText {
			return types.NewErr("replace makes a text longer than %d bytes", maxText)
		}
		return types.String(strings.ReplaceAll(s, from, to))
	}),
	member("split", []*cel.Type{cel.StringType}, cel.ListType(cel.StringType), func(s string, args []ref.Val) ref.Val {
		parts := strings.SplitN(s, textOf(args[0]), maxItems+1)
		if len(parts) > maxItems {
			return types.NewErr("split makes more than %d parts", maxItems)
		}
		return stringList(parts)
	}),
	member("substring", []*cel.Type{cel.IntType}, cel.StringType, func(s string, args []ref.Val) ref.Val {
		return substring(s, args[0], types.Int(len([]rune(s))))
	}),
	member("substring", []*cel.Type{cel.IntType, cel.IntType}, cel.StringType, func(s string, args []ref.Val) ref.Val {
		return substring(s, args[0], args[1])
	}),
	cel.Function("join", cel.MemberOverload("list_join_string", []*cel.Type{cel.ListType(cel.StringType), cel.StringType}, cel.StringType,
		cel.BinaryBinding(func(list, sep ref.Val) ref.Val { return join(list, textOf(sep)) }))),
}

// member declares a function of a text.
func member(name string, args []*cel.Type, result *cel.Type, fn func(s string, args []ref.Val) ref.Val) cel.EnvOption {
	id := append(make([]string, 0, 2+len(args)), "string", name)
	for _, a := range args {
		id = append(id, a.String())
	}
	return cel.Function(name, cel.MemberOverload(strings.Join(id, "_"), append([]*cel.Type{cel.StringType}, args...), result,
		cel.FunctionBinding(func(vals ...ref.Val) ref.Val { return fn(textOf(vals[0]), vals[1:]) })))
}

// textOf gives the text of a value that CEL has already checked to be one.
func textOf(v ref.Val) string {
	s, _ := v.(types.String)
	return string(s)
}

func ascii(s string, from, to, shift rune) string {
	return strings.Map(func(r rune) rune {
		if r >= from && r <= to {
			return r + shift
		}
		return r
	}, s)
}

// substring gives the characters from begin up to end; what lies past the
// text is cut off, as people expect of short names.
func substring(s string, begin, end ref.Val) ref.Val {
	runes := []rune(s)
	from, _ := begin.(types.Int)
	to, _ := end.(types.Int)
	to = min(to, types.Int(len(runes)))
	if from < 0 || to < 0 {
		return types.NewErr("substring begins before the text")
	}
	if from >= to {
		return types.String("")
	}
	return types.String(string(runes[from:to]))
}

func join(list ref.Val, sep string) ref.Val {
	l, ok := list.(traits.Lister)
	if !ok {
		return types.MaybeNoSuchOverloadErr(list)
	}
	var b strings.Builder
	for it, first := l.Iterator(), true; it.HasNext() == types.True; first = false {
		if !first {
			b.WriteString(sep)
		}
		b.WriteString(textOf(it.Next()))
		if b.Len() > maxText {
			return types.NewErr("join makes a text longer than %d bytes", maxText)
		}
	}
	return types.String(b.String())
}

// EstimateCallCost says what the functions above cost: they read what they
// are given and make what they give.
func (sizes) EstimateCallCost(function, _ string, _ *cost.AstNode, _ []cost.AstNode) *cost.CallEstimate {
	size := cost.SizeEstimate{Max: maxText}
	switch function {
	case "split":
		size.Max = maxItems
	case "lowerAscii", "upperAscii", "trim", "replace", "substring", "join":
	default:
		return nil
	}
	return &cost.CallEstimate{CostEstimate: cost.Estimate{Min: 1, Max: maxText}, ResultSize: &size}
}
