"""An OpenAPI 3.1 file as a judge of what goes over the wire."""

import re

import jsonschema
import yaml


class OpenApi:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.document = yaml.safe_load(file)
        self.resolver = jsonschema.RefResolver("", self.document)
        self.seen = set()  # (method, path, status), of those that are described one by one

    def at(self, node):
        """What a node says, or the one that it refers to."""
        return self.resolver.resolve(node["$ref"])[1] if "$ref" in node else node

    def operations(self):
        """(METHOD, path) of each, with its names of the query."""
        return {(method.upper(), path): [self.at(p)["name"] for p in operation.get("parameters", [])]
                for path, item in self.document["paths"].items()
                for method, operation in item.items() if method != "parameters"}

    def path_of(self, path):
        """The template that a path fits."""
        fitting = [t for t in self.document["paths"]
                   if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", t), path.split("?")[0])]
        return fitting[0] if fitting else None

    def schema(self, node):
        """Of a body; one that is no JSON may be anything."""
        return self.at(node)["content"].get("application/json", {}).get("schema", {})

    def errors(self, schema, value):
        validator = jsonschema.Draft202012Validator(schema, resolver=self.resolver)
        return ["%s: %s" % (e.json_path, e.message[:200]) for e in validator.iter_errors(value)]

    def wrong_answer(self, method, path, status, body):
        """What is wrong with an answer; a request that no path is for must be refused."""
        operation = self.document["paths"].get(self.path_of(path), {}).get(method.lower())
        responses = operation["responses"] if operation else {}
        if str(status) in responses:
            self.seen.add((method, self.path_of(path), status))
            return self.errors(self.schema(responses[str(status)]), body)
        if status < 400:
            return ["%s %s: %d is not described" % (method, path, status)]
        return self.errors({"$ref": "#/components/schemas/Error"}, body)

    def takes(self, method, path, content):
        """Whether a body is one that the operation describes."""
        operation = self.document["paths"][self.path_of(path)][method.lower()]
        return not self.errors(self.schema(operation["requestBody"]), {} if content is None else content)

    def described(self):
        """(METHOD, path, status) of the answers that are JSON and described one by one."""
        return {(method, path, int(status)) for (method, path) in self.operations()
                for status, node in self.document["paths"][path][method.lower()]["responses"].items()
                if status != "default" and "application/json" in self.at(node)["content"]}
