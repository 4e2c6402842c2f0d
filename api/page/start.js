// The page of the API's document. The token stays in this page: it is neither stored nor sent anywhere but to this server.
"use strict";
const language = document.documentElement.lang;
document.querySelector(`nav a[lang="${language}"]`)?.setAttribute("aria-current", "page");
SwaggerUIBundle({
  url: `/openapi.json?lang=${language}`,
  dom_id: "#page",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  persistAuthorization: false,
  validatorUrl: null,
  requestInterceptor(request) {
    if (request.url.includes("/api/")) request.headers["Accept-Language"] ??= language;
    return request;
  },
});
