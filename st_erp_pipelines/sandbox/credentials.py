"""What the sandbox accepts. Nothing here is a secret: these strings open no account anywhere."""

SERVICETITAN_TENANT, SECOND_SERVICETITAN_TENANT, THIRD_SERVICETITAN_TENANT = 1001, 1002, 1003
SERVICETITAN_APP_KEY = "demo-app-key"
SERVICETITAN_CLIENT_ID = "demo-servicetitan-client"
# Of the application: whoever knows it reads and writes the external data that stands under it.
SERVICETITAN_APPLICATION_GUID = "5a1c0de5-7f1e-4c0a-9b7e-0d2f6c3b8a41"
SERVICETITAN_CLIENT_SECRET = "demo-servicetitan-not-a-secret"

BUSINESS_CENTRAL_TENANT = "demo-tenant"
BUSINESS_CENTRAL_ENVIRONMENT = "production"
BUSINESS_CENTRAL_CLIENT_ID = "demo-business-central-client"
BUSINESS_CENTRAL_CLIENT_SECRET = "demo-business-central-not-a-secret"

SAP_BUSINESS_ONE_DATABASE, SECOND_SAP_BUSINESS_ONE_DATABASE = "SBO_NORTHWIND", "SBO_LAKESIDE"
SAP_BUSINESS_ONE_USER = "st_erp"
SAP_BUSINESS_ONE_PASSWORD = "demo-business-one-not-a-secret"
SAP_BUSINESS_ONE_CLIENT_ID = "demo-business-one-client"
SAP_BUSINESS_ONE_CLIENT_SECRET = "demo-business-one-client-not-a-secret"

SAP_S4HANA_USER = "ST_ERP"
SAP_S4HANA_PASSWORD = "demo-s4hana-not-a-secret"
SAP_S4HANA_CLIENT_ID = "demo-s4hana-client"
SAP_S4HANA_CLIENT_SECRET = "demo-s4hana-client-not-a-secret"
