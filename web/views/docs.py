"""`GET /docs`: every endpoint to read and to try, by Swagger UI. All of it ships with the package."""

from typing import Final

from web.views.page import CONTENT_SECURITY_POLICY, served

# Swagger UI draws its icons from its own style sheet.
_POLICY: Final = CONTENT_SECURITY_POLICY.replace("img-src 'self'", "img-src 'self' data:")
_LIBRARY: Final = "vendor/swagger-ui/swagger-ui"

ENDPOINTS: Final = (
    served("/docs", "docs.html", "text/html", "Every endpoint, to read and to try.", _POLICY),
    served("/static/docs.css", "docs.css", "text/css", "The documentation's style."),
    served("/static/docs.js", "docs.js", "text/javascript", "The documentation's script."),
    served(f"/static/{_LIBRARY}.css", f"{_LIBRARY}.css", "text/css", "Swagger UI's style."),
    served(f"/static/{_LIBRARY}-bundle.js", f"{_LIBRARY}-bundle.js", "text/javascript", "Swagger UI."),
)
