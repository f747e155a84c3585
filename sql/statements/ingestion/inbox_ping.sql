-- Nothing but an answer.
select
