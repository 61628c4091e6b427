"""What the sandbox accepts. Nothing here is a secret: these strings open no account anywhere."""

SERVICETITAN_TENANT = 1001
SERVICETITAN_APP_KEY = "demo-app-key"
SERVICETITAN_CLIENT_ID = "demo-servicetitan-client"
SERVICETITAN_CLIENT_SECRET = "demo-servicetitan-not-a-secret"

BUSINESS_CENTRAL_TENANT = "demo-tenant"
BUSINESS_CENTRAL_ENVIRONMENT = "production"
BUSINESS_CENTRAL_CLIENT_ID = "demo-business-central-client"
BUSINESS_CENTRAL_CLIENT_SECRET = "demo-business-central-not-a-secret"
