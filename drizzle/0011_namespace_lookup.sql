-- Look-ups that do not know the id of the namespace. A distributed database sends a statement to one shard only
-- if it contains the id of the namespace, as the statements in these functions do.
CREATE OR REPLACE FUNCTION "find_space"(wanted_namespace text, wanted_space text, caller text, admin_role member_role)
RETURNS TABLE (role member_role, namespace_id uuid, namespace_slug text, space_id uuid, former_space_slug text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_variable
DECLARE
	-- Also executed if there is no namespace, so that the time does not reveal whether one exists.
	holder uuid := coalesce((SELECT held_by FROM namespace_slugs WHERE slug = wanted_namespace),
		'00000000-0000-0000-0000-000000000000');
BEGIN
	RETURN QUERY
	SELECT coalesce(admin_role, m.role), n.id, n.slug,
		(SELECT s.id FROM spaces s
			WHERE s.namespace_id = holder AND s.slug = wanted_space AND s.deleted_at IS NULL),
		(SELECT s.slug FROM spaces s
			WHERE s.namespace_id = holder AND s.deleted_at IS NULL AND s.id = (
				SELECT f.held_by FROM former_space_slugs f
				WHERE f.namespace_id = holder AND f.slug = wanted_space))
	FROM namespaces n LEFT JOIN members m ON m.namespace_id = n.id AND m.subject = caller
	WHERE n.id = holder AND n.deleted_at IS NULL AND coalesce(admin_role, m.role) IS NOT NULL;
END
$$;--> statement-breakpoint
-- Volatile, so that it is called once, on the coordinator, and not inlined into a statement for a shard.
CREATE OR REPLACE FUNCTION "role_in"(wanted_namespace uuid, caller text) RETURNS member_role
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	RETURN (SELECT m.role FROM members m WHERE m.namespace_id = wanted_namespace AND m.subject = caller);
END
$$;
