package scimdir

import "net/http"

// discover answers what a client asks about the server itself (RFC 7644,
// section 4).
func discover(r *http.Request, kind, id string) (reply, error) {
	if r.Method != http.MethodGet {
		return reply{}, refuse(http.StatusNotFound, "", "there is nothing here")
	}
	var body any
	switch {
	case kind == "ServiceProviderConfig" && id == "":
		body = config
	case kind == "ResourceType" && id == "":
		body = listed(resourceType(kindUser, userSchema), resourceType(kindGroup, groupSchema))
	case kind == "Schema" && id == "":
		body = listed(schema(userSchema, kindUser, userAttributes), schema(groupSchema, kindGroup, groupAttributes),
			schema(enterpriseSchema, "EnterpriseUser", enterpriseAttributes))
	default:
		return reply{}, refuse(http.StatusNotFound, "", "there is nothing here")
	}
	return reply{status: http.StatusOK, body: body}, nil
}

type object = map[string]any

func supported(yes bool) object { return object{"supported": yes} }

var config = object{
	"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"},
	"patch":   supported(true), "etag": supported(true), "sort": supported(false), "changePassword": supported(false),
	"filter": object{"supported": true, "maxResults": MaxPage},
	"bulk":   object{"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
	"authenticationSchemes": []object{{
		"type": "oauthbearertoken", "name": "Bearer token", "description": "A token that the operator gives out",
	}},
}

func listed(items ...any) object {
	return object{
		"schemas":      []string{"urn:ietf:params:scim:api:messages:2.0:ListResponse"},
		"totalResults": len(items), "startIndex": 1, "itemsPerPage": len(items), "Resources": items,
	}
}

func resourceType(kind, schema string) object {
	t := object{
		"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:ResourceType"},
		"id":      kind, "name": kind, "endpoint": "/" + kind + "s", "schema": schema,
	}
	if kind == kindUser {
		t["schemaExtensions"] = []object{{"schema": enterpriseSchema, "required": false}}
	}
	return t
}

// Attributes that the directory gives a meaning to; others are kept as sent.
var (
	userAttributes       = []string{"userName", "displayName", "name", "title", "userType", "active", "emails", "externalId", "groups"}
	groupAttributes      = []string{"displayName", "members", "externalId"}
	enterpriseAttributes = []string{"employeeNumber", "costCenter", "organization", "division", "department"}
)

func schema(id, name string, attributes []string) object {
	list := make([]object, 0, len(attributes))
	for _, a := range attributes {
		kind, multi, mutability, unique := "string", false, "readWrite", "none"
		switch a {
		case "active":
			kind = "boolean"
		case "name":
			kind = "complex"
		case "emails", "members":
			kind, multi = "complex", true
		case "groups":
			kind, multi, mutability = "complex", true, "readOnly"
		case "userName":
			unique = "server"
		}
		list = append(list, object{"name": a, "type": kind, "multiValued": multi, "mutability": mutability, "uniqueness": unique, "required": unique == "server"})
	}
	return object{"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:Schema"}, "id": id, "name": name, "attributes": list}
}
