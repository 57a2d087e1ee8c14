"""Whether a value fits a type of a Pulumi package schema."""

SIMPLE = {"string": str, "boolean": bool, "integer": int, "number": int | float}


def misfits(value, spec, schema, path=""):
    """Sentences on what in ``value`` the type ``spec`` does not allow."""
    if isinstance(value, str) and value.startswith("${"):
        return []
    if "oneOf" in spec:
        tag = spec.get("discriminator")
        if tag:
            named = tag["mapping"].get(value.get(tag["propertyName"]) if isinstance(value, dict) else None)
            return misfits(value, {"$ref": named}, schema, path) if named else [f"{path}: no such kind"]
        found = [misfits(value, option, schema, path) for option in spec["oneOf"]]
        return min(found, key=len)
    if "$ref" in spec:
        kind = schema["types"][spec["$ref"].removeprefix("#/types/")]
        if "enum" in kind:
            return [] if value in [word["value"] for word in kind["enum"]] else [f"{path}: {value!r} is no choice"]
        return unknown_or_misfit(value, kind["properties"], kind.get("required", ()), schema, path)
    if spec["type"] == "array":
        if not isinstance(value, list):
            return [f"{path}: no list"]
        return [
            one for index, item in enumerate(value) for one in misfits(item, spec["items"], schema, f"{path}[{index}]")
        ]
    if spec["type"] == "object":
        if not isinstance(value, dict):
            return [f"{path}: no mapping"]
        inner = spec["additionalProperties"]
        return [one for name, item in value.items() for one in misfits(item, inner, schema, f"{path}.{name}")]
    fits = isinstance(value, SIMPLE[spec["type"]]) and (spec["type"] == "boolean") == isinstance(value, bool)
    if not fits or ("const" in spec and value != spec["const"]):
        return [f"{path}: {value!r} is no {spec.get('const', spec['type'])}"]
    return []


def unknown_or_misfit(value, properties, required, schema, path=""):
    """The same for an object with these properties."""
    if not isinstance(value, dict):
        return [f"{path}: no object"]
    found = [f"{path}.{name}: missing" for name in required if name not in value]
    found += [f"{path}.{name}: unknown" for name in value if name not in properties]
    known = {name: item for name, item in value.items() if name in properties}
    return found + [
        one for name, item in known.items() for one in misfits(item, properties[name], schema, f"{path}.{name}")
    ]
