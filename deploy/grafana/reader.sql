-- The login that Grafana reads with: psql --set=password=… --file=reader.sql
-- Whatever somebody types into a panel, it reads, for five seconds at most.
create role temple_grafana login password :'password' in role temple_read connection limit 10;
alter role temple_grafana set default_transaction_read_only = on;
alter role temple_grafana set statement_timeout = '5s';
alter role temple_grafana set timezone = 'UTC';
