-- The database, and the login that migrates it. As a superuser: docs/database-roles.md.
create role temple_migrate login createrole;
create database temple owner temple_migrate encoding 'UTF8' template template0;
