-- Whose session it is, and what may have been set over an option of ours; of an older server, null for what it lacks.
select pg_backend_pid(), current_setting('role'), pg_is_in_recovery(),
       array[current_setting('timezone'), current_setting('datestyle'), current_setting('transaction_timeout', true)]
