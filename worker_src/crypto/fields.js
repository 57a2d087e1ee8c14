/** The fields of a signed header, `name=value, ...`, as an object; of a name that stands twice the last. */
export const fields = (header) => Object.fromEntries(header.split(",").map((part) => part.trim().split("=", 2)));
