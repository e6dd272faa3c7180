"""Answers that are one JSON document: a contract and a schema, business rules written as data, citations of real rows."""
