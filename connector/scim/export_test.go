package scim

import (
	"net/http"
	"time"

	"github.com/onus-id/onus/connector"
)

// What the fuzz tests try without a server.

func Equals(attribute, value string) (string, error) { return equals(attribute, value) }

func MemberPath(id string) (string, error) { return memberPath(id) }

func RetryAfter(h http.Header, now time.Time) (time.Time, bool) { return retryAfter(h, now) }

// ReadUsers reads the answer to GET /Users as far as one answer goes.
func ReadUsers(data []byte) (accounts []connector.Account, total int, err error) {
	body, err := decode(data)
	if err != nil {
		return nil, 0, err
	}
	items, total, err := readList(body)
	if err != nil {
		return nil, 0, err
	}
	for _, item := range items {
		accounts = append(accounts, accountOf(item, versionOf(item), shown(item, nil)))
		_ = membersOf(item)
		_ = item.withMail("new@acme.example")
	}
	return accounts, total, nil
}

// ReadAbilities reads the answer to GET /ServiceProviderConfig.
func ReadAbilities(data []byte) (patch, filter bool, maxResults int, err error) {
	body, err := decode(data)
	a := readAbilities(body)
	return a.patch, a.filter, a.maxResults, err
}
