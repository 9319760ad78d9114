package ledgerapp

// Settings tells the SQL connector about the application: what is there, and
// how it is changed. It is what a definition of the system would hold.
func Settings(path string) map[string]string {
	return map[string]string{
		"driver": "sqlite",
		"dsn":    path,
		"accounts": `SELECT id AS ref, login AS name, active AS enabled, version,
	full_name, mail, cost_centre FROM users`,
		// A role brings along those that it includes, and they theirs.
		"holds": `WITH RECURSIVE has (user_id, role_id, via) AS (
	SELECT user_id, role_id, NULL FROM user_roles
	UNION
	SELECT has.user_id, i.included_id, coalesce(has.via, 'role:' || r.name)
	FROM has JOIN role_includes i ON i.role_id = has.role_id JOIN roles r ON r.id = has.role_id
)
SELECT has.user_id AS ref, 'role:' || r.name AS entitlement, r.id AS entitlement_ref, has.via AS via
FROM has JOIN roles r ON r.id = has.role_id`,
		"entitlements":   `SELECT 'role:' || name AS entitlement, id AS ref FROM roles`,
		"sessions":       `SELECT count(*) FROM sessions WHERE user_id = :ref AND ended = 0`,
		"create":         `INSERT INTO users (login, full_name, mail, cost_centre) VALUES (:name, :attr_full_name, :attr_mail, :attr_cost_centre)`,
		"enable":         `UPDATE users SET active = 1 WHERE id = :ref`,
		"disable":        `UPDATE users SET active = 0 WHERE id = :ref`,
		"delete":         `DELETE FROM user_roles WHERE user_id = :ref; DELETE FROM users WHERE id = :ref`,
		"set_attributes": `UPDATE users SET full_name = :attr_full_name, mail = :attr_mail, cost_centre = :attr_cost_centre WHERE id = :ref`,
		"grant":          `INSERT INTO user_roles (user_id, role_id, granted_by) SELECT :ref, id, 'onus' FROM roles WHERE id = :entitlement_ref`,
		"revoke":         `DELETE FROM user_roles WHERE user_id = :ref AND role_id = :entitlement_ref`,
		"sessions_end":   `UPDATE sessions SET ended = 1 WHERE user_id = :ref AND ended = 0`,
	}
}
