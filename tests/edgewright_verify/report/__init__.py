"""What a run found, as one document, and the forms in which people and machines read it."""
