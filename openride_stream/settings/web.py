"""Settings of the web server."""

from pydantic import BaseModel, Field, SecretStr


class WebSettings(BaseModel):
    """Where it listens, and who may call."""

    web_host: str = Field("127.0.0.1", description="Address that the web server binds.")
    web_port: int = Field(8097, ge=1, le=65_535, description="Port of the web server.")
    api_tokens: SecretStr = Field(
        SecretStr(""),
        description="Who may call the API: comma-separated name:role:sha256hex, role viewer, analyst or "
        "admin; `openride token new` makes them. Empty, and no JSON Web Tokens either: everyone on this "
        "machine may, and no other address can be bound.",
    )
    api_jwt_secret: SecretStr = Field(
        SecretStr(""),
        description="JSON Web Tokens signed with this (HS256, 32 bytes or more) count beside "
        "OPENRIDE_API_TOKENS. Empty: none do, unless OPENRIDE_API_JWT_JWKS is set.",
    )
    api_jwt_jwks: str = Field(
        "",
        description="JSON Web Tokens signed by a key of this JWKS (RS256 or ES256) count: an https URL, an "
        "http one of this machine, or the path of a file.",
    )
    api_jwt_issuer: str = Field(
        "", description="The `iss` that JSON Web Tokens must have. Required for them."
    )
    api_jwt_audience: str = Field(
        "", description="The `aud` that JSON Web Tokens must have or list. Required for them."
    )
    api_jwt_role_claim: str = Field(
        "role",
        min_length=1,
        description="The claim that names the role: viewer, analyst or admin, or a list of which the highest "
        "counts. Dots lead into nested claims (realm_access.roles).",
    )
    api_requests_per_minute: int = Field(
        3_000,
        ge=0,
        le=60_000,
        description="Requests that one token may make in a minute, over all workers that share a Redis; 0 "
        "sets no limit.",
    )
    api_audit_log: bool = Field(
        True,
        description="Log who asked what: token or subject, role, endpoint, parameters, status, duration; "
        "where tokens are asked for.",
    )
    web_cors_origins: str = Field(
        "",
        description="Origins whose pages may call the API from a browser, comma-separated "
        "(https://app.example.org); * for all, where tokens are asked for. Empty: only our own.",
    )
